package com.example

import kotlin.math.max
import java.util.*

const val LIMIT = 3
private val lazyOne: String by lazy { "x" }
var counter = 0

/** A shape. */
@Serializable
abstract class Shape<T : Any>(val name: String, private var size: Int, plain: Int) : Base<T>(name), Drawn {
    private val items = mutableListOf<T>()
    lateinit var late: String

    constructor(a: Int) : this("x", a, 1)

    init { setup() }

    /** Area. */
    override suspend fun area(unit: Unit): Double {
        val local = helper(unit)
        fun nested() {}
        return local.compute { it.run() }
    }

    abstract fun draw()
    fun short() = max(1, 2)

    companion object {
        const val MAX = 1
        fun create(): Shape<*> = TODO()
    }
    inner class Inner { fun deep() {} }
}

data class Point(val x: Int, val y: Int)
sealed interface Result {
    object Ok : Result
}

enum class Color(val rgb: Int) {
    RED(1),
    GREEN(2);

    fun label() = name
}

object Registry : Base() { fun register() {} }
fun interface Action { fun invoke() }
annotation class Marker

typealias Handler = (Int) -> Unit
fun <T> List<T>.second(): T = this[1]
fun String.shout() = uppercase()
val String.last: Char get() = this[length - 1]
