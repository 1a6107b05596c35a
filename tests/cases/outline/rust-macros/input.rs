// Which macros hold items, and which do not.
macro_rules! rules {
    () => { fn hidden() {} };
}

cfg_rt! {
    // A comment.
    #[cfg(test)]
    mod nested {
        cfg_inner! {
            pub(crate) async fn deep() {}
        }
    }
}

lazy_static! {
    static ref LAZY: usize = 1;
}

variants! {
    stable: { fn not_an_item() {} }
}

fn run() {
    tokio::select! {
        a = call() => {}
    }
    println!("{}", measure(1));
}
