{#
  Of these words the one that a word was probably meant to be, or none: one edit away (two from eight letters on),
  whatever its case and hyphens. A word that is one of them is none of the others.
#}
{% macro nearest(word, words) %}
    {%- set text = word | string | lower | replace('-', '_') | replace(' ', '_') -%}
    {%- set found = namespace(word=none, distance=3) -%}
    {%- for other in words if (text | length - other | length) | abs <= 2 and word not in words -%}
        {%- set distance = asof.edit_distance(text, other) -%}
        {%- if distance < found.distance and distance <= (2 if other | length >= 8 else 1) -%}
            {%- set found.word, found.distance = other, distance -%}
        {%- endif -%}
    {%- endfor -%}
    {{- return(found.word) -}}
{% endmacro %}

{#
  How many letters have to be put in, left out, changed, or exchanged with their neighbour to make one word of
  another.
#}
{% macro edit_distance(one, other) %}
    {%- set rows = namespace(before_last=[], last=range(other | length + 1) | list) -%}
    {%- for i in range(1, one | length + 1) -%}
        {%- set row = [i] -%}
        {%- for j in range(1, other | length + 1) -%}
            {%- set changed = 0 if one[i - 1] == other[j - 1] else 1 -%}
            {%- set ways = [rows.last[j] + 1, row[j - 1] + 1, rows.last[j - 1] + changed] -%}
            {%- if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1] -%}
                {%- do ways.append(rows.before_last[j - 2] + 1) -%}
            {%- endif -%}
            {%- do row.append(ways | min) -%}
        {%- endfor -%}
        {%- set rows.before_last, rows.last = rows.last, row -%}
    {%- endfor -%}
    {{- return(rows.last[-1]) -}}
{% endmacro %}
