fn f() {
    g(
        a,
        c,
        &[],
        d,
        b,
    )
}
