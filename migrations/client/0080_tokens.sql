-- Tokens: rights to open a mailbox each, at relays that ask for them. A purse has those for one grant and one relay, which
-- several alliances may share.
create table purse (
    -- SHA-256 of the relay's key and the grant.
    id blob primary key check (length(id) = 32),
    -- When to take more, in seconds since the Unix epoch. Why not at once: what was taken just after a mailbox was opened
    -- belongs to whoever opened it.
    restock_at integer
) strict, without rowid;

create table token (
    id integer primary key,
    purse blob not null references purse (id) on delete cascade,
    octets blob not null unique,
    -- The mailbox that it was shown for, or is about to be: it is shown for no other, or the relay would know that both are
    -- opened by one person.
    mailbox blob,
    unique (purse, mailbox)
) strict;

-- What an issuer was asked and has not answered. Asked again, it answers the same and counts it once.
create table asked_tokens (
    purse blob primary key references purse (id) on delete cascade,
    token_key text not null,
    pending blob not null
) strict, without rowid;
