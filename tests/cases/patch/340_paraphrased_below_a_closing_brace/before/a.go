func A() {
	if x {
		done(1)
	}
}

// NewTest makes one for test purposes only.
func NewTest(input string) *T {
	return &T{input}
}
