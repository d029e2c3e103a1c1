/** One sleeper, and many who may wake it. A wake-up that comes before the sleep is not lost. */
export class Wakeup {
  #isDue = false;
  #sleeper: PromiseWithResolvers<void> | undefined;

  readonly wake = (): void => {
    this.#isDue = true;
    this.#sleeper?.resolve();
  };

  async sleep(): Promise<void> {
    if (!this.#isDue) {
      this.#sleeper = Promise.withResolvers();
      await this.#sleeper.promise;
    }
    this.#isDue = false;
  }
}
