-- Tokens that mailboxes were opened with, so that none is good twice. A mark is SHA-256 of what the issuer signed without
-- seeing it: as random as the token, and kept beside no mailbox and no day.
--
-- Why without rowid: rows lie in the order of their marks, which tells nothing of the order in which they came.
-- Why none is ever deleted: a token has no end of its own, and a hundred octets a mailbox is little.
create table spent_token (
    mark blob primary key
) strict, without rowid;
