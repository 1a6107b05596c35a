fn one() {
    if a() {
        made_progress();
        return Poll::Ready(());
    }
    two()
}

fn three() {
    loop {
        if b() {
            made_progress();
            return Ready(());
        }
    }
}
