-- Mailboxes and their frames: all that a relay knows.
--
-- Why slots are random: SQLite keeps rows in the order of their integer key, so a counter would tell a seizer in
-- which order mailboxes were opened, and so which epoch followed which. A random 39-bit slot tells nothing.
create table mailbox (
    slot integer primary key,
    address blob not null unique,
    last_sequence integer not null,
    chain blob not null,
    closed integer not null,
    frame_bytes integer not null,
    -- Days since the Unix epoch. No finer time is stored anywhere.
    expires_day integer not null
) strict;

create index mailbox_by_expiry on mailbox (expires_day);

-- Why the key is slot * 2^24 + sequence: the frames of one mailbox lie together, so a page is one range scan, small
-- frames share leaf pages, and disk order again tells no order of arrival across mailboxes.
create table frame (
    id integer primary key,
    slot integer not null generated always as (id >> 24) virtual,
    digest blob not null,
    chain blob not null,
    closing integer not null,
    octets blob not null
) strict;

-- Why: a repeated append is recognised by its digest, and answered with the first place.
create unique index frame_by_digest on frame (slot, digest);
