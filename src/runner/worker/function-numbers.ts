/** Numbers for exported functions, so that a call names its function with a few bits and its worker finds it by index. */
export interface KnownFunction {
  readonly number: number;
  readonly module: string;
  readonly exportName: string;
}

export class FunctionNumbers {
  readonly #byModule = new Map<string, Map<string, KnownFunction>>();
  readonly #byNumber: KnownFunction[] = [];

  of(module: string, exportName: string): KnownFunction {
    let ofModule = this.#byModule.get(module);
    if (ofModule === undefined) {
      ofModule = new Map();
      this.#byModule.set(module, ofModule);
    }
    let known = ofModule.get(exportName);
    if (known === undefined) {
      known = { number: this.#byNumber.length, module, exportName };
      this.#byNumber.push(known);
      ofModule.set(exportName, known);
    }
    return known;
  }

  moduleOf(number: number): string {
    return this.#byNumber[number]?.module ?? "";
  }
}
