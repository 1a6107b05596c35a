class Whole {
    fun done() = call()
}

fun broken( {
