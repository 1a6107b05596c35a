fn f() {
    match r {
        Ok(v) => {
            let a = one(v);
            let b = two(a);
            b
        }
    }
}

fn g() {
    3
}
