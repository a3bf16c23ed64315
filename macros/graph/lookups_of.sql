{#
  The lookups of a service, as service_spec documents them: from the line of its rows and, where a group's keys are not
  sent under their own names, the `lookups` of its YAML. There, a lookup's alias stands before where its key comes from:
  `origin: shipment.origin_warehouse_id`, a stored column of another lookup; `sender: sender_id`, what the caller sends;
  `lane: {from_id: origin_id, to_id: destination_id}`, the same for a group of several keys.
#}
{% macro lookups_of(node, rows) %}
    {%- set what = node.original_file_path ~ ': ' ~ asof.versioned_id(node) -%}
    {%- set declared = node.config.meta.get('lookups') or {} -%}
    {%- set direct, via, aliases = [], [], [] -%}
    {%- for text in rows.config.meta.asof_groups -%}
        {%- set said = asof.parse_lookup(text) -%}
        {%- if said.alias in aliases -%}
            {{- asof.refuse(rows.original_file_path ~ ': two lookups are called ' ~ said.alias
                ~ ". Give one of them an alias, as in '" ~ said.name ~ '@' ~ said.version
                ~ " as other': its columns are then called " ~ 'other_<column>.') -}}
        {%- endif -%}
        {%- do aliases.append(said.alias) -%}
        {%- set spec = asof.group_spec(said.name, said.version) -%}
        {%- set features = [] -%}
        {%- for feature in spec.features -%}
            {%- do features.append({'name': said.alias ~ '_' ~ feature.name if said.is_aliased else feature.name,
                'column': feature.name, 'type': feature.type}) -%}
        {%- endfor -%}
        {%- set lookup = {'name': said.alias, 'group': spec.id, 'spec': spec, 'features': features} -%}
        {%- set own_keys = spec['keys'] | map(attribute='name') | list -%}
        {%- set source = declared.get(said.alias, own_keys) -%}
        {%- if source is string and '.' in source -%}
            {%- set through = source.split('.') -%}
            {%- do lookup.update({'via': {'group': through[0], 'column': through[1]}}) -%}
            {%- do via.append(lookup) -%}
        {%- else -%}
            {%- set sent = asof.sent_keys(source, own_keys) -%}
            {%- do lookup.update({'keys': sent}) -%}
            {%- do direct.append(lookup) -%}
        {%- endif -%}
        {%- if lookup.get('keys', own_keys) is none or (lookup.via and own_keys | length != 1) -%}
            {%- set sources = '<key>' if own_keys | length == 1 else '{' ~ own_keys | join(': <key>, ') ~ ': <key>}' -%}
            {{- asof.refuse(what ~ ' looks ' ~ spec.id ~ ' up by ' ~ source ~ ', which does not lead to its '
                ~ own_keys | length ~ ' keys: ' ~ own_keys | join(', ') ~ '. Write in its YAML `lookups: {'
                ~ said.alias ~ ': ' ~ sources ~ '}`, where <key> is one that the caller sends'
                ~ (', or <lookup>.<stored column>.' if own_keys | length == 1 else '.')) -}}
        {%- endif -%}
    {%- endfor -%}
    {%- for alias in declared if alias not in aliases -%}
        {#- dbt adds what a version says to what stands above the versions, so `lookups: {}` takes none away -#}
        {{- asof.refuse(what ~ ' declares a lookup for ' ~ alias ~ ', which its rows do not read ('
            ~ rows.original_file_path ~ '). They read ' ~ aliases | join(', ') ~ '. What stands above `versions` '
            ~ 'holds for all of them: declare it under the versions that read ' ~ alias
            ~ ', as in `versions: [{v: 1, config: {meta: {lookups: {' ~ alias ~ ': ' ~ (declared[alias]
            if declared[alias] is string else '...') ~ '}}}}]`.') -}}
    {%- endfor -%}
    {%- if not direct -%}
        {{- asof.refuse(what ~ ' looks every group up through another; its first group must be found by keys that '
            ~ 'the caller sends.') -}}
    {%- endif -%}
    {%- for lookup in via -%}
        {%- do lookup.update({'via_column': asof.via_column(lookup, direct)}) -%}
        {%- if lookup.via_column is none -%}
            {{- asof.refuse(node.original_file_path ~ ': the lookup ' ~ lookup.name ~ ': ' ~ lookup.via.group ~ '.'
                ~ lookup.via.column ~ ' of ' ~ asof.versioned_id(node) ~ ' names no stored column of a group that '
                ~ 'is found by keys (one hop only). Groups found by keys: '
                ~ direct | map(attribute='name') | join(', ') ~ '.') -}}
        {%- endif -%}
    {%- endfor -%}
    {{- return(direct + via) -}}
{% endmacro %}

{# What asof.rows is given: {name, version, alias, is_aliased} of 'shipment@1' or 'shipment@1 as other', or none. #}
{% macro parse_lookup(text) %}
    {%- set match = modules.re.match('^ *([a-z_][a-z0-9_]*)@(\d+)(?: +as +([a-z_][a-z0-9_]*))? *$', text | string) -%}
    {%- if not match -%}{{- return(none) -}}{%- endif -%}
    {{- return({'name': match.group(1), 'version': match.group(2), 'alias': match.group(3) or match.group(1),
        'is_aliased': match.group(3) is not none}) -}}
{% endmacro %}

{# What the rows call the stored column that a lookup goes through, or none. lookups: those found by keys. #}
{% macro via_column(lookup, lookups) %}
    {%- for source in lookups if source.name == lookup.via.group and not source.via -%}
        {%- for feature in source.features if feature.column == lookup.via.column -%}
            {{- return(feature.name) -}}
        {%- endfor -%}
    {%- endfor -%}
    {{- return(none) -}}
{% endmacro %}
