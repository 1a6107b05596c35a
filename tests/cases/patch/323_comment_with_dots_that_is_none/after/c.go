package a

// Other content types will not be validated
// more ... later
var x = 1
