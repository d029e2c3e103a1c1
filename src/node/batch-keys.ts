/** The different keys of a batch. */
export class BatchKeys {
  readonly #byTenant = new Map<string, Map<string, number>>();
  #tenantId: string | undefined;
  #ofTenant = new Map<string, number>();
  #count = 0;

  indexOf(tenantId: string, key: string): number {
    if (tenantId !== this.#tenantId) this.#turnTo(tenantId);
    const known = this.#ofTenant.get(key);
    if (known !== undefined) return known;
    this.#ofTenant.set(key, this.#count);
    return this.#count++;
  }

  #turnTo(tenantId: string): void {
    this.#tenantId = tenantId;
    let ofTenant = this.#byTenant.get(tenantId);
    if (ofTenant === undefined) this.#byTenant.set(tenantId, (ofTenant = new Map()));
    this.#ofTenant = ofTenant;
  }
}
