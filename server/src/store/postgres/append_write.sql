-- Writes a decided batch. A mailbox that another node has changed since it was read stays as it is, and so do its
-- frames: they are decided again. A mailbox's last place and running hash tell: the hash, too, because a server that took over
-- from another may have lost what the node remembers, and have other frames at those places. A mailbox that has one of the frames
-- already stays as it is, too: where the batch was decided by what the node remembered, nobody has looked.
--
-- Why rows are locked in the order of addresses: nodes that lock the same two cannot wait for each other. The total's
-- part comes last, and is one.
with repeated as (
    select distinct placed.id >> 24 as slot
    from unnest($8::bigint[], $9::bytea[]) as placed (id, digest)
    cross join lateral (
        select from frame where frame.id >> 24 = placed.id >> 24 and frame.digest = placed.digest offset 0
    ) as frame
), locked as (
    select wanted.*, wanted.frame_bytes - mailbox.frame_bytes as added
    from (
        select *
        from unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[], $6::boolean[], $7::bigint[], $17::bytea[])
            as wanted (address, slot, was_at, last_sequence, chain, closed, frame_bytes, was_chain)
        order by address
    ) as wanted
    cross join lateral (
        select frame_bytes from mailbox
        where address = wanted.address and slot = wanted.slot and expires_day >= $13
            and last_sequence = wanted.was_at and chain = wanted.was_chain
        for update
    ) as mailbox
    where wanted.slot not in (select slot from repeated)
), moved as (
    update mailbox
    set last_sequence = locked.last_sequence, chain = locked.chain, closed = locked.closed,
        frame_bytes = locked.frame_bytes, expires_day = greatest(mailbox.expires_day, $14)
    from locked
    where mailbox.slot = locked.slot
    returning mailbox.slot, locked.added
), stored as (
    insert into frame (id, digest, chain, closing, octets)
    select id, digest, chain, closing, octets
    from unnest($8::bigint[], $9::bytea[], $10::bytea[], $11::boolean[], $12::bytea[])
        as placed (id, digest, chain, closing, octets)
    where id >> 24 in (select slot from moved)
), counted as (
    update total set frame_bytes = frame_bytes + (select sum(added)::bigint from moved)
    where part = $15 and exists (select from moved where added <> 0)
)
select slot from moved
union all
-- Other nodes are told when this is committed, once per batch.
select nullif(pg_notify('twiza_news', news)::text, '')::bigint from unnest($16::text[]) as news where exists (select from moved)
