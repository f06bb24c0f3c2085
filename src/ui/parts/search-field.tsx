/** Finds among what is shown, while one types. */
export function SearchField({ value, onSearch }: { value: string; onSearch: (text: string) => void }) {
  return (
    <label>
      Find{" "}
      <input type="search" value={value} onInput={({ currentTarget }) => onSearch(currentTarget.value)} />
    </label>
  );
}
