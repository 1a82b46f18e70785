# bash completion of the cluster's tools. Each tool lists its own options; names of nodes and resources come
# from the running cluster, and from CIB_file or CIB_shadow when they are set.

_systole_nodes() { crmadmin -N 2>/dev/null | awk '{print $3}'; }
_systole_resources() { crm_resource --list-raw 2>/dev/null | grep -v '^NO resources'; }

_systole() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} tool=${COMP_WORDS[0]##*/} words
  # "--node=x" comes as three words: --node, =, x.
  if [ "$previous" = = ]; then previous=${COMP_WORDS[COMP_CWORD - 2]}; fi
  if [ "$current" = = ]; then current=; previous=${COMP_WORDS[COMP_CWORD - 1]}; fi
  case $previous in
    -N | --node | --uname | --reboot | --fence | --confirm) words=$(_systole_nodes) ;;
    -r | --resource) words=$(_systole_resources) ;;
    --output-as)
      words='text xml'
      case $tool in
        crm_mon) words='text xml json html' ;;
        systole-ring) words='text xml json' ;;
      esac ;;
    -o | --scope)
      words='configuration nodes resources constraints crm_config rsc_defaults op_defaults acls
        fencing-topology tags alerts status' ;;
    -x | --xml-file | --output-to)
      compopt -o default
      COMPREPLY=()
      return ;;
    *)
      if [[ $current == -* ]]; then words=$("${COMP_WORDS[0]}" --list-options 2>/dev/null); fi ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  if [[ ${COMPREPLY[0]} == *= ]]; then compopt -o nospace; fi
}

complete -F _systole attrd_updater cibadmin corosync-cfgtool corosync-cmapctl corosync-quorumtool crm_attribute \
  crm_diff crm_error crm_failcount crm_master crm_mon crm_node crm_resource crm_shadow crm_simulate crm_standby \
  crm_ticket crm_verify crmadmin iso8601 stonith_admin systole-ring
