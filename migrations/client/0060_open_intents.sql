-- What was wished for long ago stays, done; looking for what still waits must not read all of it.
create index intent_open on intent (alliance) where state in ('queued', 'sealed');
create index posting_intent on posting (intent);
