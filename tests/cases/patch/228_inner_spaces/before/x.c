int a = f( 1, 2 );
return a;
