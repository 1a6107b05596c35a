int i;
++i;
f();
