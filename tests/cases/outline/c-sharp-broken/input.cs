class Whole { void Done() { Call(); } }
class Broken {
    void Half( {
}
