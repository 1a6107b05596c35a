impl A {
    fn one(&self) -> u8 {
        self.one
    }

    fn three(&self) -> u8 {
        self.three
    }
}
