/**
 * The script of the page, as text: it runs in the reader's browser, where nothing of ours can be imported. It fills the
 * side-by-side, opens tables for printing, copies the command, and takes frames that need no scrolling out of the order
 * of the keyboard. It builds elements and never parses markup, so that no name can become code.
 */

/** What stands in the `script` element. */
export const pageScript = `'use strict';
(() => {
  const byId = (id) => document.getElementById(id);
  const element = (name, attributes, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };
  const show = ([mean, low, high]) => mean.toFixed(2) + ' (' + low.toFixed(2) + ' to ' + high.toFixed(2) + ')';

  const frames = () => {
    for (const frame of document.querySelectorAll('.scroll')) {
      const wide = frame.scrollWidth > frame.clientWidth + 1 || frame.scrollHeight > frame.clientHeight + 1;
      if (wide) frame.setAttribute('tabindex', '0');
      else frame.removeAttribute('tabindex');
    }
  };

  const table = (caption, head, rows, className, words) => {
    const line = ([first, ...rest]) =>
      element('tr', {}, element('th', { scope: 'row' }, first), ...rest.map((cell) =>
        cell instanceof Element ? cell : element('td', {}, cell)));
    return element('div', { class: 'scroll ' + className, role: 'group', 'aria-label': caption, tabindex: '0' },
      element('table', {},
        element('caption', {}, caption),
        element('thead', {}, element('tr', {}, ...head.map((name, index) =>
          element('th', { scope: 'col', class: index < words ? 'words' : '' }, name)))),
        element('tbody', {}, ...rows.map(line))));
  };

  const sideBySide = () => {
    const data = JSON.parse(byId('pair-data').textContent);
    const selects = [byId('first'), byId('second')];
    const place = (a, b) => a * data.sides.length - (a * (a + 1)) / 2 + (b - a - 1);
    const intervals = (a, b) => a < b ? data.pairs[place(a, b)]
      : data.pairs[place(b, a)].map((found) => found && [1 / found[0], 1 / found[2], 1 / found[1]]);
    const bar = (value, reach) => {
      const at = (one) => (50 + (50 * Math.log(one)) / reach).toFixed(2) + '%';
      const ends = value < 1 ? [at(value), at(1)] : [at(1), at(value)];
      const span = element('span', { class: value < 1 ? 'less' : 'more' });
      span.style.setProperty('--one', at(1));
      span.style.setProperty('--from', ends[0]);
      span.style.setProperty('--to', ends[1]);
      return element('td', { class: 'bar', 'aria-hidden': 'true' }, span);
    };
    const sentence = (a, b, found, questions) => {
      const [one, other] = [data.sides[a].name, data.sides[b].name];
      if (a === b) return 'Twice the same method: choose another one.';
      const failed = [a, b].filter((side) => data.sides[side].failed).map((side) => data.sides[side].name);
      if (failed.length > 0) return failed.join(' and ') + ' failed: the output differs from plain decoding, so there is no ratio.';
      if (!found) return 'No question has a figure of both.';
      const beyond = questions.length < data.fewest ? 'too few questions to say more'
        : found[1] > 1 ? 'faster beyond noise' : found[2] < 1 ? 'slower beyond noise' : 'no difference beyond noise';
      return one + ' decodes ' + show(found) + ' times as fast as ' + other + ': ' + beyond + '.';
    };
    const update = () => {
      const [a, b] = selects.map((select) => Number(select.value));
      const [one, other] = [data.sides[a], data.sides[b]];
      const found = a === b || one.failed || other.failed ? null : intervals(a, b);
      const questions = data.questions
        .map((question, index) => ({ ...question, value: data.ratios[a][index] / data.ratios[b][index] }))
        .filter(({ value }) => value > 0 && Number.isFinite(value))
        .sort((x, y) => y.value - x.value);
      byId('pair-sentence').textContent = sentence(a, b, found && found[0], questions);
      const tables = [table('Both over all questions', ['Figure', one.name, other.name],
        data.figures.map((name, index) => [name, one.figures[index], other.figures[index]]), '', 1)];
      if (found) {
        const reach = Math.max(0.1, ...questions.map(({ value }) => Math.abs(Math.log(value))));
        const name = 'times as fast as ' + other.name;
        if (data.groups.length > 1) tables.push(table(one.name + ' against ' + other.name + ' by group', ['Group', name, 'Bar around 1'],
          data.groups.flatMap((group, index) => found[index] ? [[group, show(found[index]), bar(found[index][0], reach)]] : []), '', 1));
        tables.push(table(one.name + ' against ' + other.name + ' by question, best first', ['Question', 'Category', name, 'Bar around 1'],
          questions.map(({ id, category, value }) => [id, element('td', { class: 'words' }, category), value.toFixed(2), bar(value, reach)]), 'long', 2));
      }
      byId('pair-tables').replaceChildren(...tables);
      frames();
    };
    for (const select of selects) select.addEventListener('change', update);
    document.querySelector('.controls').hidden = false;
    update();
  };

  const copy = (button) => {
    button.hidden = false;
    button.addEventListener('click', async () => {
      const command = byId('command');
      try {
        await navigator.clipboard.writeText(command.textContent);
        button.textContent = 'Copied';
      } catch {
        getSelection().selectAllChildren(command);
        button.textContent = 'Selected';
      }
      setTimeout(() => { button.textContent = 'Copy'; }, 2000);
    });
  };

  const printing = () => {
    const opened = [];
    const before = () => {
      for (const part of document.querySelectorAll('details:not([open])')) { part.open = true; opened.push(part); }
    };
    const after = () => { for (const part of opened.splice(0)) part.open = false; };
    addEventListener('beforeprint', before);
    addEventListener('afterprint', after);
    matchMedia('print').addEventListener('change', ({ matches }) => (matches ? before() : after()));
  };

  if (byId('pair-data')) sideBySide();
  if (byId('copy')) copy(byId('copy'));
  printing();
  frames();
  addEventListener('resize', frames);
  document.addEventListener('toggle', frames, true);
})();
`
