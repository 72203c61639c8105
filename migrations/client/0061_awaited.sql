-- Who is awaited after a reboot stands in the alliance's state: all organisers know it.
drop table reboot_arrival;
