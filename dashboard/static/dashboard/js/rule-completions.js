// A list of words below the field where one types, with those that begin as the word before the cursor does.

const MOST = 12;
const WORD = /[\p{L}_][\p{L}\p{N}_.]*$/u;

export class Completions {
  #list;
  #words;
  #field = null;
  #at = 0;

  /**
   * @param list the element of the list, with the role "listbox"
   * @param words returns what can be completed
   */
  constructor(list, words) {
    this.#list = list;
    this.#words = words;
    // Before the field loses the focus.
    list.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      const option = event.target.closest("li");
      if (option) this.#take(option.textContent);
    });
  }

  /** Show the words that fit; close the list if there is none. */
  offer(field) {
    const begun = this.#begun(field);
    const low = begun.toLowerCase();
    const found = begun && this.#words().filter((word) => word !== begun && word.toLowerCase().startsWith(low));
    if (!found || !found.length) return this.close();
    this.#field = field;
    this.#at = 0;
    this.#list.replaceChildren(
      ...[...new Set(found)].slice(0, MOST).map((word, index) => {
        const option = document.createElement("li");
        option.id = `completion-${index}`;
        option.role = "option";
        option.textContent = word;
        return option;
      }),
    );
    field.closest(".field").append(this.#list);
    this.#list.hidden = false;
    field.setAttribute("aria-controls", this.#list.id);
    this.#mark();
  }

  close() {
    this.#list.hidden = true;
    this.#field?.removeAttribute("aria-activedescendant");
    this.#field = null;
  }

  /** Act on a key of an open list: arrows choose, Tab and Enter take, Escape closes. */
  press(event) {
    if (!this.#field || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const options = this.#list.children;
    if (event.key === "ArrowDown") this.#at = (this.#at + 1) % options.length;
    else if (event.key === "ArrowUp") this.#at = (this.#at + options.length - 1) % options.length;
    else if ((event.key === "Tab" && !event.shiftKey) || event.key === "Enter") this.#take(options[this.#at].textContent);
    else if (event.key === "Escape") this.close();
    else return;
    event.preventDefault();
    event.stopPropagation();
    if (this.#field) this.#mark();
  }

  #mark() {
    for (const [index, option] of [...this.#list.children].entries()) {
      option.setAttribute("aria-selected", String(index === this.#at));
    }
    this.#list.children[this.#at].scrollIntoView({ block: "nearest" });
    this.#field.setAttribute("aria-activedescendant", this.#list.children[this.#at].id);
  }

  #take(word) {
    const field = this.#field;
    const end = field.selectionStart;
    field.setRangeText(word, end - this.#begun(field).length, end, "end");
    this.close();
    field.dispatchEvent(new Event("input", { bubbles: true }));
    this.close();
  }

  #begun(field) {
    return field.selectionStart === field.selectionEnd ? (WORD.exec(field.value.slice(0, field.selectionStart))?.[0] ?? "") : "";
  }
}
