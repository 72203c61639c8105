-- A commit of this epoch that the relay had taken before it was rolled back, and that one has followed out of this mailbox,
-- as others showed it: one's own end of the epoch, with the relay's word on it.
alter table kept_mailbox add column taken_over blob;
