int i;
f();
