@Test
void newOne() {
}

@Test
void second() {
}
