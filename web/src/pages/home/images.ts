import { useCallback, useEffect, useRef, useState } from "react";

import { upload } from "@/api/tasks";
import { sayFailed } from "@/shell/errors";

/** An image on its way to the service, or there. `id` is what the task names it by. */
export interface Attached {
  key: number;
  url: string;
  id: string | null;
}

export const KINDS = ["image/png", "image/jpeg", "image/webp", "image/gif"];
const LARGEST = 10 * 1024 * 1024;

export function acceptable(file: { type: string; size: number }): boolean {
  return KINDS.includes(file.type) && file.size <= LARGEST;
}

export function useImages(words: { refused: string; kinds: string }) {
  const [images, setImages] = useState<Attached[]>([]);
  const count = useRef(0);
  const urls = useRef(new Set<string>());
  useEffect(() => {
    const held = urls.current;
    return () => {
      for (const url of held) URL.revokeObjectURL(url);
    };
  }, []);

  const remove = useCallback((key: number) => {
    setImages((held) => held.filter((image) => image.key !== key));
  }, []);

  const add = useCallback(
    (files: Iterable<File>) => {
      for (const file of files) {
        if (!acceptable(file)) {
          sayFailed(new Error(words.kinds), words.refused);
          continue;
        }
        const key = (count.current += 1);
        const url = URL.createObjectURL(file);
        urls.current.add(url);
        setImages((held) => [...held, { key, url, id: null }]);
        upload(file).then(
          (taken) => setImages((held) => held.map((image) => (image.key === key ? { ...image, id: taken.id } : image))),
          (error: unknown) => {
            remove(key);
            sayFailed(error, words.refused);
          },
        );
      }
    },
    [remove, words.kinds, words.refused],
  );

  const clear = useCallback(() => setImages([]), []);
  return { images, add, remove, clear, sending: images.some((image) => image.id === null) };
}
