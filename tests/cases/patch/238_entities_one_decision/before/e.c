int x;
if (a < b)
