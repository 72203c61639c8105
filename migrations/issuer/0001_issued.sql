-- How many tokens each grant has had today, so that a grant that got out fills a relay slowly. Rows of days before are
-- deleted.
--
-- Why requests are kept: one that is repeated because its answer was lost is not counted again.
create table issued (
    -- SHA-256 of the grant and the blind messages.
    request blob primary key,
    -- SHA-256 of the grant.
    grant_digest blob not null,
    -- Days since the Unix epoch.
    day integer not null,
    tokens integer not null
) strict, without rowid;
