#!/usr/bin/env node
import def, { named as local, other } from "./module.js";
import * as all from 'all';
const fs = require("fs");
export * from "./again";
export { x } from './x.js';

/**
 * Adds two numbers.
 * @param a first
 */
export default function add(a, b = { c: 1 }) {
  const hidden = 1;
  return fs.sum(a, b);
}

// Arrow of one line.
export const arrow = async (x) => x + LIMIT;
const LIMIT = 10, second = 2;
let plain;
var old = function () { return new Thing(1); };
const Mixed = class extends Base { m() {} };

@decorated
export class Widget extends ui.Base {
  static count = 0;
  #secret = 1;
  handler = (e) => this.#run(e);
  constructor() { super(); }
  get value() { return 1; }
  static async *items() { yield* other(); }
  #run(e) {}
  'quoted-name'() {}
  [computed]() {}
}

module.exports.helper = function helper() {};
Widget.prototype.draw = function () { paint(); };

const table = {
  method(a) { return a; },
  arrow: (a) => a,
  "quoted": function () {},
  plain: 1,
};

function* generate() {}
describe("suite", () => {
  const inCallback = 1;
  function helperInside() {}
  it("works", async () => { expect(add(1)).toBe(2); });
});
const element = <Panel title="x"><Row.Cell/><Close /></Panel>;
function broken( {
