package a

var b = c && d
var e = 2
