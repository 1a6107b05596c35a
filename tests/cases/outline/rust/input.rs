//! Crate documentation.
use std::{collections::HashMap, io::{self, Read as R}};
use crate::a::b;
use super::*;

/// The limit.
pub const LIMIT: usize = 3;
static mut COUNT: u32 = 0;
type Alias<T> = Vec<T>;

/// A point.
///
/// More.
#[derive(Debug, Clone)]
#[repr(C)]
pub struct Point<T: Copy> {
    /// Across.
    pub x: T,
    y: Option<T>,
}
struct Unit;
struct Tuple(pub u8, String);

pub enum Color { Red, Rgb { r: u8 }, Mixed(u8) }
union Both { a: u8 }

pub trait Shape: Display {
    type Output;
    const SIDES: u32;
    fn area(&self) -> f64;
    fn name(&self) -> String { "x".into() }
}

impl<T: Copy> Point<T> {
    /// Makes one.
    #[inline]
    pub async fn new<'a>(x: T) -> Self
    where
        T: Send,
    {
        let c = |a| helper::<T>(a);
        fn nested() {}
        assert_eq!(compute(1), other::value(2));
        Self { x, y: None }
    }
}

impl fmt::Display for Point<u8> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result { write!(f, "{}", self.x) }
}

macro_rules! square {
    ($x:expr) => { $x * $x };
}

mod inner {
    pub(crate) unsafe extern "C" fn raw() {}
}

cfg_rt! {
    /// Behind a feature.
    pub fn gated(x: u8) -> u8 { x }

    impl Unit {
        fn also(&self) {}
    }
}

fn broken( {
