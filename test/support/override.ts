/** The object with some of its methods replaced. */
export function override<T extends object>(target: T, methods: Partial<T>): T {
  return new Proxy(target, {
    get(object, property) {
      const member: unknown = Reflect.get(methods, property) ?? Reflect.get(object, property, object);
      return typeof member === "function" ? member.bind(object) : member;
    },
  });
}
