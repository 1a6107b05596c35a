import type { Type } from "./types";
import Default, { value as v } from 'pkg';

/** A point. */
export interface Point<T = number> extends Base<T>, Other {
  readonly x: number;
  move(dx: number): void;
  new (x: number): Point;
}

export type Pair<A, B> = [A, B];
export enum Color { Red, Green = "g" }
declare const GLOBAL: string;
declare module "ambient" {
  export function inAmbient(a: number): void;
}
namespace Space.Inner {
  export const inside = 1;
}

export abstract class Shape<T extends Type> extends Parent<T> implements Point, ns.Drawn {
  private readonly items: Map<string, T> = new Map();
  static handler = (e: Event): void => {};
  constructor(private name: string) { super(); }
  abstract area(): number;
  @Input() label?: string;
  @memo
  protected async run<K extends keyof T>(this: Shape<T>, key: K): Promise<T[K]> {
    return this.items.get(key as string)!;
  }
}

export function over(a: string): string;
export function over(a: number): number;
export function over(a: any): any { return helper<string>(a); }

export const typed: (a: number) => string = (a) => String(a);
export const useThing = defineStore('thing', () => { const inner = () => 1; return { inner } });
export default class extends Default {}
const enum Flags { A = 1 << 0 }
let broken: = 3;
