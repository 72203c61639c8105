-- What a client keeps of mailboxes that it has read, for as long as the relay may keep them: the frames, so that any
-- member can put them back into a relay that lost them, and the keys of the outer seal, so that it can tell what others
-- put there. No MLS secret is among them: what the frames hold stays closed.

create table kept_mailbox (
    id integer primary key,
    alliance integer not null references alliance (id) on delete cascade,
    epoch integer not null,
    branch integer not null,
    mailbox_seed blob not null check (length(mailbox_seed) = 32),
    frame_key blob not null check (length(frame_key) = 32),
    -- Who was in the epoch, as the crypto crate encodes it.
    roster blob not null,
    -- How it ended: null while it is read; 'commit' where its closing frame began the next epoch, else 'branch'.
    ended text check (ended in ('commit', 'branch')),
    -- The relay's signed word on its end, as JSON.
    receipt text,
    -- The closing frame that the relay shows instead of the one that was followed, once that was told.
    rival blob,
    -- The day after which the relay may delete it.
    expires integer not null,
    unique (alliance, mailbox_seed)
) strict;

-- The frames of those mailboxes, in the order that members agreed on. When a mailbox is read anew, because the relay
-- lost or reordered something, none is met at first; what is not met when it ends was displaced by another end.
create table kept_frame (
    mailbox integer not null references kept_mailbox (id) on delete cascade,
    digest blob not null check (length(digest) = 32),
    sequence integer not null,
    closing integer not null,
    met integer not null default 1,
    frame blob not null,
    primary key (mailbox, digest)
) strict, without rowid;

create index kept_frame_sequence on kept_frame (mailbox, sequence);

-- Branches of a past epoch in which nobody should go on: where a member would say that it could not follow, or that
-- another commit of that epoch was first.
create table watched_branch (
    alliance integer not null references alliance (id) on delete cascade,
    epoch integer not null,
    branch integer not null,
    mailbox_seed blob not null check (length(mailbox_seed) = 32),
    frame_key blob not null check (length(frame_key) = 32),
    primary key (alliance, mailbox_seed)
) strict;

-- Members who reported that they cannot follow a commit, by the commit and their leaf.
create table report (
    alliance integer not null references alliance (id) on delete cascade,
    epoch integer not null,
    commit_digest blob not null check (length(commit_digest) = 32),
    leaf_index integer not null,
    -- One's own report, as it is to be shown to the others.
    own blob,
    primary key (alliance, epoch, commit_digest, leaf_index)
) strict;

-- When past mailboxes were last looked at, in seconds since the Unix epoch.
alter table alliance add column looked_back integer not null default 0;
