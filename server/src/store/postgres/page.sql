-- A mailbox's head, and its frames after a place, as many as fit but at least one: all of one moment.
select last_sequence, mailbox.chain, closed, page.id, page.closing, page.octets
from mailbox
left join lateral (
    select id, closing, octets
    from (
        select id, closing, octets, sum(octet_length(octets)) over (order by id) as bytes
        from frame
        where id > (mailbox.slot << 24) + $2 and id <= (mailbox.slot << 24) + mailbox.last_sequence
        order by id limit $4
    ) as following
    where bytes <= $5 or id = (mailbox.slot << 24) + $2 + 1
) as page on true
where address = $1 and expires_day >= $3
order by page.id
