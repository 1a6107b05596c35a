package a

var pool = Pool{
	{new(Host)},
	{new(Host)},
	{new(Host)},
	{new(Host)},
	{new(Host)},
	{new(Host)},
}
