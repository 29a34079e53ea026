// Work that is asked for again and again, but done once, never twice at a time.

/** Runs `work` after a quiet `delay`; asked for while it runs, it runs once more afterwards. */
export class Serial {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private running: Promise<void> | undefined;
  private again = false;

  constructor(
    private readonly work: () => Promise<void>,
    private readonly delay: number,
  ) {}

  /** Some time soon. */
  later(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.now(), this.delay);
  }

  /** At once; settles when the work that was asked for is done.  It never rejects: `work` reports its own failures. */
  now(): Promise<void> {
    clearTimeout(this.timer);
    if (this.running) {
      this.again = true;
      return this.running;
    }
    this.running = this.run().finally(() => (this.running = undefined));
    return this.running;
  }

  /** No more of it. */
  stop(): void {
    clearTimeout(this.timer);
    this.again = false;
  }

  private async run(): Promise<void> {
    do {
      this.again = false;
      try {
        await this.work();
      } catch {
        // told by the work itself
      }
    } while (this.again);
  }
}
