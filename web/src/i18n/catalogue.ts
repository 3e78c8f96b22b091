/** The same keys in another language. Chinese has one plural form, so the keys for "one" may be left out. */
export type Catalogue<T> = { readonly [K in keyof T as K extends `${string}_one` ? never : K]: string } & {
  readonly [K in keyof T as K extends `${string}_one` ? K : never]?: string;
};
