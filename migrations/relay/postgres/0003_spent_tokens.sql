-- Tokens that mailboxes were opened with, on whichever node. The twin of sqlite/0003_spent_tokens.sql; here rows lie in the
-- order in which they came.
create table spent_token (
    mark bytea primary key
);
