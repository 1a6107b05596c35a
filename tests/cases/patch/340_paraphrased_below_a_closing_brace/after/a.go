func A() {
	if x {
		done(1)
	}
}

// NewTest makes one, for tests alone.
func NewTest(input string) *T {
	return &T{input}
}
