-- head
select 1;
-- tail
