-- Opens mailboxes: known ones get a later expiry, expired ones start empty in another slot, new ones are added while
-- there is room. One that is not there is opened to whoever needs no token (free) or has one that was not spent (mark).
-- Outcome: 0 known, 1 new, 2 no room, 3 raced with another node, to be asked again, 4 no token, 5 a spent token, 6 raced, with a
-- token that is to be given back.
--
-- Why rows are locked first, and all in the order of addresses: see append_write.sql.
with asked as (
    select * from unnest($1::bytea[], $2::bigint[], $3::bytea[], $8::boolean[], $9::bytea[])
        with ordinality as asked (address, slot, chain, free, mark, nth)
), locked as (
    select address, slot, last_sequence, chain, closed, frame_bytes, expires_day
    from mailbox where address = any($1) order by address for update
), room as (
    select $6 - sum(mailboxes)::bigint as places from total
), expired as (
    select asked.* from asked join locked using (address)
    where locked.expires_day < $4 and (asked.free or asked.mark is not null)
), fresh as (
    select asked.*, row_number() over (order by nth) as place
    from asked
    where (free or mark is not null)
        and not exists (select from locked where locked.address = asked.address)
        and not exists (select from departed where departed.slot = asked.slot)
), wanted as (
    select nth, free, mark from expired
    union all
    select nth, free, mark from fresh, room where place <= places
), first_with_mark as (
    select distinct on (mark) nth, mark from wanted where not free order by mark, nth
), spending as (
    insert into spent_token (mark) select mark from first_with_mark order by mark
    on conflict do nothing
    returning mark
), admitted as (
    select nth from wanted where free
    union all
    select nth from first_with_mark join spending using (mark)
), renewed as (
    update mailbox
    set slot = expired.slot, last_sequence = 0, chain = expired.chain, closed = false, frame_bytes = 0, expires_day = $5
    from expired join admitted using (nth) join locked using (address)
    where mailbox.address = locked.address
    returning mailbox.address, locked.slot, locked.frame_bytes
), departing as (
    insert into departed (slot) select slot from renewed
), extended as (
    update mailbox set expires_day = $5
    from locked
    where mailbox.address = locked.address and locked.expires_day >= $4 and locked.expires_day < $5
), added as (
    insert into mailbox (slot, address, last_sequence, chain, closed, frame_bytes, expires_day)
    select slot, address, 0, chain, false, 0, $5 from fresh join admitted using (nth) order by address
    on conflict do nothing
    returning address
), counted as (
    update total
    set mailboxes = mailboxes + (select count(*) from added),
        frame_bytes = frame_bytes - (select coalesce(sum(frame_bytes), 0)::bigint from renewed)
    where part = $7 and (exists (select from added) or exists (select from renewed))
)
select case
        when locked.expires_day >= $4 then 0
        when renewed.address is not null or added.address is not null then 1
        when not asked.free and asked.mark is null then 4
        when place > places then 2
        when exists (select from wanted where wanted.nth = asked.nth)
            and not exists (select from admitted where admitted.nth = asked.nth) then 5
        when exists (select from first_with_mark join spending using (mark) where first_with_mark.nth = asked.nth) then 6
        else 3
    end as outcome,
    locked.last_sequence, locked.chain, locked.closed, greatest(locked.expires_day, $5) as expires_day
from asked
cross join room
left join locked on locked.address = asked.address
left join renewed on renewed.address = asked.address
left join added on added.address = asked.address
left join fresh on fresh.address = asked.address
order by asked.nth
