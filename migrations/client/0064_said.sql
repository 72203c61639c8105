-- What one said that is no text (motions, approvals, and taking them back), by the frame that ends it: where a relay was
-- rolled back and a mailbox ends without that frame, it is said again.

create table said (
    mailbox integer not null references kept_mailbox (id) on delete cascade,
    digest blob not null check (length(digest) = 32),
    message blob not null check (length(message) = 16),
    sent integer not null,
    kind integer not null,
    body blob not null,
    primary key (mailbox, digest)
) strict, without rowid;
