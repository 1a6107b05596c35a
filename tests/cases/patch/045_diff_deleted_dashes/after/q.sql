-- head
select 1;
-- end
