-- Of an alliance that was forgotten, only its number stays, so that no other gets it: another program of the profile, or a
-- script, may still have it in hand.
alter table alliance add column forgotten integer not null default 0;
