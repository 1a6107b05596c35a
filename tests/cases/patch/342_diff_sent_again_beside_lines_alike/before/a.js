import a from 'a'
import b from 'b'

function f() {
  if (a) {
    return 1
  } else {
    return 2
  }
}
