// Says of each table that is wider than its box that it scrolls, and to which side: app.css draws a shadow and a line of text from that.

const selector = '.mud-simple-table';
const seen = new WeakSet();
const slack = 2;

function measure(table) {
  const left = table.scrollLeft > slack;
  const right = table.scrollWidth - table.scrollLeft - table.clientWidth > slack;
  const side = left && right ? 'both' : left ? 'left' : right ? 'right' : '';
  if (table.dataset.more !== side) table.dataset.more = side;

  // What scrolls must be reached with the keyboard, and have a name then.
  if (!side || table.tabIndex >= 0) return;
  table.tabIndex = 0;
  table.setAttribute('role', 'region');
  if (!table.hasAttribute('aria-label')) table.setAttribute('aria-label', 'Table, scrolls sideways');
}

const sizes = new ResizeObserver(entries => entries.forEach(entry => measure(entry.target.closest(selector))));

function watch(table) {
  if (seen.has(table)) return;
  seen.add(table);
  table.addEventListener('scroll', () => measure(table), { passive: true });
  sizes.observe(table);
  const inner = table.querySelector('table');
  if (inner) sizes.observe(inner);
}

const look = () => document.querySelectorAll(selector).forEach(watch);
new MutationObserver(look).observe(document.documentElement, { childList: true, subtree: true });
look();
