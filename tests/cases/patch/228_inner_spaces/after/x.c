int a = f(1, 3);
return a;
