package com.example

import scala.collection.mutable.{Map, Set => S}
import java.util._

/** A shape. */
@deprecated("x")
sealed abstract class Shape[T](val name: String, size: Int) extends Base[T](name) with Drawn {
  private val items = List(1)
  var count: Int = 0
  type Out = T
  /** Area. */
  override def area(unit: Unit)(implicit ctx: Ctx): Double = {
    val local = helper(unit)
    def nested() = 1
    new Thing(local).run[Int](1)
  }
  def draw(): Unit
  def short = 1
}

object Shape { def apply(): Shape[Int] = ??? }
case class Point(x: Int, y: Int)
trait Drawn { def paint(): Unit = {} }
enum Color { case Red, Green; case Mixed(rgb: Int) }
given ordering: Ordering[Int] with { def compare(a: Int, b: Int) = 0 }
extension (s: String) def shout: String = s.toUpperCase
def topLevel(a: Int): Int = a
package object utils { val x = 1 }
def broken( {
