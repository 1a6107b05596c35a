// What syn says of each Rust file named on standard input; one JSON line each. The tokens
// of macros are read as tokens: `name(...)` is a call, `fn name ... {...}` a function.
use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use std::io::BufRead;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

#[derive(Default)]
struct Facts {
    functions: Vec<String>,
    calls: Vec<String>,
    constants: Vec<String>,
    around: Vec<String>,
}

impl Facts {
    fn function(&mut self, name: &str, from: usize, to: usize, parameters: usize) {
        self.functions.push(format!("[{name:?},{from},{to},{parameters}]"));
    }
    fn call(&mut self, name: &str, line: usize, arguments: usize) {
        let around = self.around.last().cloned().unwrap_or_default();
        self.calls.push(format!("[{name:?},{line},{around:?},{arguments}]"));
    }
    fn within(&mut self, name: String, walk: impl FnOnce(&mut Self)) {
        self.around.push(name);
        walk(self);
        self.around.pop();
    }
    fn tokens(&mut self, stream: TokenStream) {
        let all: Vec<TokenTree> = stream.into_iter().collect();
        let mut at = 0;
        while at < all.len() {
            match &all[at] {
                TokenTree::Ident(id) if *id == "fn" && matches!(all.get(at + 1), Some(TokenTree::Ident(_))) => {
                    let name = all[at + 1].to_string();
                    let from = id.span().start().line;
                    let taken = all[at + 2..].iter().find_map(|t| match t {
                        TokenTree::Group(g) if g.delimiter() == Delimiter::Parenthesis => Some(arguments(g.stream())),
                        _ => None,
                    });
                    at += 2;
                    while at < all.len() && !ends(&all[at]) {
                        at += 1;
                    }
                    let to = all.get(at).map_or(from, |t| t.span().end().line);
                    self.function(&name, from, to, taken.unwrap_or(0));
                    if let Some(TokenTree::Group(g)) = all.get(at) {
                        let body = g.stream();
                        self.within(name, |s| s.tokens(body));
                    }
                }
                TokenTree::Ident(id) => {
                    if let Some(TokenTree::Group(g)) = all.get(at + 1) {
                        if g.delimiter() == Delimiter::Parenthesis {
                            self.call(&id.to_string(), id.span().end().line, arguments(g.stream()));
                        }
                    }
                }
                TokenTree::Group(g) => self.tokens(g.stream()),
                _ => {}
            }
            at += 1;
        }
    }
}

fn ends(token: &TokenTree) -> bool {
    match token {
        TokenTree::Group(g) => g.delimiter() == Delimiter::Brace,
        TokenTree::Punct(p) => p.as_char() == ';',
        _ => false,
    }
}

fn arguments(stream: TokenStream) -> usize {
    let all: Vec<TokenTree> = stream.into_iter().collect();
    let commas = all
        .iter()
        .filter(|t| matches!(t, TokenTree::Punct(p) if p.as_char() == ',' && p.spacing() == Spacing::Alone))
        .count();
    if all.is_empty() { 0 } else { commas + 1 }
}

fn parameters(sig: &syn::Signature) -> usize {
    sig.inputs.len()
}

impl<'a> Visit<'a> for Facts {
    fn visit_item_fn(&mut self, i: &'a syn::ItemFn) {
        self.function(&i.sig.ident.to_string(), i.sig.span().start().line, i.block.span().end().line, parameters(&i.sig));
        self.within(i.sig.ident.to_string(), |s| visit::visit_item_fn(s, i));
    }
    fn visit_impl_item_method(&mut self, i: &'a syn::ImplItemMethod) {
        self.function(&i.sig.ident.to_string(), i.sig.span().start().line, i.block.span().end().line, parameters(&i.sig));
        self.within(i.sig.ident.to_string(), |s| visit::visit_impl_item_method(s, i));
    }
    fn visit_trait_item_method(&mut self, i: &'a syn::TraitItemMethod) {
        self.function(&i.sig.ident.to_string(), i.sig.span().start().line, i.span().end().line, parameters(&i.sig));
        self.within(i.sig.ident.to_string(), |s| visit::visit_trait_item_method(s, i));
    }
    fn visit_foreign_item_fn(&mut self, i: &'a syn::ForeignItemFn) {
        self.function(&i.sig.ident.to_string(), i.sig.span().start().line, i.span().end().line, parameters(&i.sig));
    }
    fn visit_expr_call(&mut self, i: &'a syn::ExprCall) {
        if let syn::Expr::Path(p) = &*i.func {
            if let Some(last) = p.path.segments.last() {
                self.call(&last.ident.to_string(), last.ident.span().end().line, i.args.len());
            }
        }
        visit::visit_expr_call(self, i);
    }
    fn visit_expr_method_call(&mut self, i: &'a syn::ExprMethodCall) {
        self.call(&i.method.to_string(), i.method.span().end().line, i.args.len());
        visit::visit_expr_method_call(self, i);
    }
    fn visit_item_const(&mut self, i: &'a syn::ItemConst) {
        self.constants.push(format!("{:?}", i.ident.to_string()));
        visit::visit_item_const(self, i);
    }
    fn visit_macro(&mut self, i: &'a syn::Macro) {
        self.tokens(i.tokens.clone());
    }
}

fn main() {
    for path in std::io::stdin().lock().lines().map_while(Result::ok) {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let mut facts = Facts::default();
        let parsed = syn::parse_file(&text);
        if let Ok(file) = &parsed {
            facts.visit_file(file);
        }
        println!(
            "{{\"path\":{path:?},\"error\":{},\"functions\":[{}],\"classes\":[],\"calls\":[{}],\"constants\":[{}]}}",
            parsed.is_err(),
            facts.functions.join(","),
            facts.calls.join(","),
            facts.constants.join(",")
        );
    }
}
