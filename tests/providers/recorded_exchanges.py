"""Exchanges that dns-lexicon's tests have recorded, as far as providers here make the same ones.

In the form that ``recorded.py`` describes: names of parameters and members, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping

RECORDED: Mapping[str, str] = {
    "azure": """
POST /{tenant}/oauth2/v2.0/token +scope client_id client_secret grant_type -> access_token
  expires_in token_type
+GET /subscriptions/{subscription}/providers/Microsoft.Network/dnsZones
+GET
  /subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Network/{kind}/{zone}/TXT/{name}
PUT
  /subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Network/{kind}/{zone}/TXT/{name}
  api-version properties.TTL properties.TXTRecords.value -> name properties.TTL
  properties.TXTRecords.value
PATCH
  /subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Network/{kind}/{zone}/TXT/{name}
  api-version properties.TTL properties.TXTRecords.value -> name properties.TTL
  properties.TXTRecords.value
DELETE
  /subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Network/{kind}/{zone}/TXT/{name}
  api-version
""",
    "cloudflare": """
GET /client/v4/zones page per_page -> success result(id name status account) result.account(id)
  result_info(count page
  per_page total_count total_pages)
GET /client/v4/zones/{zone}/dns_records +page name per_page type -> success result(comment content
  created_on id modified_on name proxiable proxied ttl type) result_info(count page per_page
  total_count total_pages)
POST /client/v4/zones/{zone}/dns_records content name ttl type -> success result(comment content
  created_on id modified_on name proxiable proxied ttl type)
DELETE /client/v4/zones/{zone}/dns_records/{id} -> success result.id
""",
    "cloudns": """
+POST /dns/list-zones.json
POST /dns/records.json +auth-password +sub-auth-id domain-name host type -> #(host id record
  status ttl type)
POST /dns/add-record.json +auth-password +sub-auth-id domain-name host record record-type ttl ->
  status statusDescription data.id
POST /dns/delete-record.json +auth-password +sub-auth-id domain-name record-id -> status
  statusDescription
""",
    "constellix": """
GET /v1/domains/ +max +offset -> id name
+GET /v1/domains/{id}/records/TXT/search
POST /v1/domains/{id}/records/TXT name ttl roundRobin(disableFlag value) -> gtdRegion id name
  parentId recordType ttl type roundRobin(disableFlag value) value(disableFlag value)
+GET /v1/domains/{id}/records/TXT/{record}
PUT /v1/domains/{id}/records/TXT/{record} name ttl roundRobin(disableFlag value) -> success
DELETE /v1/domains/{id}/records/TXT/{record} -> success
""",
    "desec": """
+GET /api/v1/domains/
GET /api/v1/domains/{domain}/rrsets/ +cursor subname type -> created domain name records subname
  touched ttl type
+PUT /api/v1/domains/{domain}/rrsets/
""",
    "digitalocean": """
+GET /v2/domains
GET /v2/domains/{domain}/records +name +per_page +type -> domain_records(data flags id name port
  priority tag ttl type weight) meta.total
POST /v2/domains/{domain}/records data name ttl type -> domain_record(data flags id name port
  priority tag ttl type weight)
DELETE /v2/domains/{domain}/records/{id}
""",
    "dnsimple": """
+GET /v2/whoami
+GET /v2/{account}/zones
GET /v2/{account}/zones/{zone}/records +page +per_page name type -> data(content created_at id
  name parent_id priority regions system_record ttl type updated_at zone_id)
  pagination(current_page per_page total_entries total_pages)
POST /v2/{account}/zones/{zone}/records content name ttl type -> data(content created_at id name
  parent_id priority regions system_record ttl type updated_at zone_id)
DELETE /v2/{account}/zones/{zone}/records/{id}
""",
    "dnsmadeeasy": """
+GET /V2.0/dns/managed
GET /V2.0/dns/managed/{id}/records recordName type -> page totalPages totalRecords
  data(gtdLocation id name sourceId ttl type value)
POST /V2.0/dns/managed/{id}/records/ +gtdLocation name ttl type value -> gtdLocation id name ttl
  type value
DELETE /V2.0/dns/managed/{id}/records/{record}
""",
    "dreamhost": """
GET / cmd=dns-list_records +key cmd format -> result data(+account_id +comment +editable record
  type value zone)
GET / cmd=dns-add_record +key cmd format record type value -> data result
GET / cmd=dns-remove_record +key cmd format record type value -> data result
""",
    "dynu": """
GET /v2/dns -> statusCode domains(id name state unicodeName)
GET /v2/dns/{domain}/record -> statusCode dnsRecords(domainId domainName hostname id nodeName
  recordType state textData ttl)
POST /v2/dns/{domain}/record nodeName recordType state textData ttl -> domainId domainName
  hostname id nodeName recordType state statusCode textData ttl
DELETE /v2/dns/{domain}/record/{id} -> statusCode
""",
    "easydns": """
GET /zones/records/all/{domain} format -> count max start status tm total data(domain host id prio
  rdata ttl type)
PUT /zones/records/add/{domain}/{type} domain format host prio rdata ttl type -> msg status
  data(+domain +type host id prio rdata ttl)
DELETE /zones/records/{domain}/{id} format -> msg status data(domain id)
""",
    "gandi": """
+GET /v5/livedns/domains
GET /v5/livedns/domains/{domain}/records/{name}/{type} -> rrset_name rrset_ttl rrset_type
  rrset_values
PUT /v5/livedns/domains/{domain}/records/{name}/{type} rrset_ttl rrset_values -> message
DELETE /v5/livedns/domains/{domain}/records/{name}/{type}
""",
    "gcloud": """
POST /token assertion grant_type -> access_token expires_in token_type
GET /dns/v1/projects/{project}/managedZones -> kind managedZones(+visibility dnsName id name)
GET /dns/v1/projects/{project}/managedZones/{zone}/rrsets name type -> kind rrsets(name rrdatas
  ttl type)
POST /dns/v1/projects/{project}/managedZones/{zone}/changes additions(name rrdatas ttl type)
  deletions(name rrdatas ttl type) -> id kind status
""",
    "glesys": """
+POST /domain/list
POST /domain/listrecords domainname -> response.records(data domainname host recordid ttl type)
  response.status(code text timestamp)
POST /domain/addrecord data domainname host ttl type -> response.record(data domainname host
  recordid ttl type) response.status(code text timestamp)
POST /domain/deleterecord recordid -> response.status(code text timestamp)
""",
    "godaddy": """
+GET /v1/domains
GET /v1/domains/{domain}/records/TXT/{name} -> data name ttl type
PUT /v1/domains/{domain}/records/TXT/{name} data ttl
+DELETE /v1/domains/{domain}/records/TXT/{name}
""",
    "hetzner": """
+GET /v1/zones
GET /v1/zones/{zone}/rrsets name type -> meta.pagination(last_page next_page page per_page
  total_entries) rrsets(id name ttl type zone) rrsets.protection.change rrsets.records(comment
  value)
POST /v1/zones/{zone}/rrsets/{name}/{type}/actions/add_records ttl records.value -> action(command
  error finished id progress status)
+GET /v1/zones/actions/{id}
POST /v1/zones/{zone}/rrsets/{name}/{type}/actions/remove_records records.value -> action(command
  error finished id progress status)
""",
    "hostingde": """
POST /api/dns/v1/json/zoneConfigsFind +authToken +limit page filter(field value) -> status
  response.data(dnsSecMode emailAddress id masterIp name nameUnicode status templateValues type)
  response.data.soaValues(expire negativeTtl refresh retry ttl) response(limit page totalEntries
  totalPages)
+POST /api/dns/v1/json/zonesFind
POST /api/dns/v1/json/zoneUpdate +authToken recordsToDelete(+content +name +type)
  recordsToAdd(content name ttl type) zoneConfig(dnsSecMode emailAddress id masterIp name
  nameUnicode status templateValues type) zoneConfig.soaValues(expire negativeTtl refresh retry
  ttl) -> status response.zoneConfig(dnsSecMode emailAddress id masterIp name nameUnicode status
  templateValues type) response.zoneConfig.soaValues(expire negativeTtl refresh retry ttl)
""",
    "infoblox": """
GET /wapi/v2.7/zone_auth +_max_results +_paging +_return_as_object +_return_fields +zone_format
  fqdn view -> result(+_ref +disable +fqdn)
GET /wapi/v2.7/record:txt +_max_results +_paging +_return_as_object _return_fields name view ->
  result(+_ref +name +text +ttl)
POST /wapi/v2.7/record:txt name text ttl use_ttl view
DELETE /wapi/v2.7/record:txt/{key}/default
""",
    "ionos": """
GET /dns/v1/zones -> id name type
GET /dns/v1/zones/{id} recordName recordType -> id name type records(changeDate content disabled
  id name rootName ttl type)
POST /dns/v1/zones/{id}/records content disabled name prio ttl type -> changeDate content disabled
  id name rootName ttl type
DELETE /dns/v1/zones/{id}/records/{record}
""",
    "linode": """
GET /v4/domains +page +page_size -> page pages results data(domain id status ttl_sec type)
GET /v4/domains/{domain}/records +page +page_size -> page pages results data(id name port priority
  protocol service tag target ttl_sec type weight)
POST /v4/domains/{domain}/records name target ttl_sec type -> id name port priority protocol
  service tag target ttl_sec type weight
DELETE /v4/domains/{domain}/records/{id}
""",
    "luadns": """
GET /v1/zones -> id name queries_count synced template_id
GET /v1/zones/{zone}/records -> content created_at generated id name ttl type updated_at zone_id
POST /v1/zones/{zone}/records content name ttl type -> content created_at generated id name ttl
  type updated_at zone_id
DELETE /v1/zones/{zone}/records/{id} -> content created_at generated id name ttl type updated_at
  zone_id
""",
    "mythicbeasts": """
GET /dns/v2/zones -> zones
GET /dns/v2/zones/{zone}/records host type -> records(data host ttl type)
+POST /dns/v2/zones/{zone}/records/{host}/{type}
DELETE /dns/v2/zones/{zone}/records/{host}/{type} data -> records_removed
""",
    "namecheap": """
+POST /xml.response Command=namecheap.domains.getList
POST /xml.response Command=namecheap.domains.dns.getHosts +ApiKey +ApiUser +ClientIp +UserName
  Command SLD TLD -> ApiResponse CommandResponse DomainDNSGetHostsResult Errors ExecutionTime
  Server Warnings host ApiResponse.Status DomainDNSGetHostsResult(Domain EmailType) host(Address
  HostId IsActive IsDDNSEnabled MXPref Name TTL Type)
POST /xml.response Command=namecheap.domains.dns.setHosts +ApiKey +ApiUser +ClientIp +EmailType
  +UserName Address# Command HostName# MXPref# RecordType# SLD TLD TTL# -> ApiResponse
  CommandResponse DomainDNSSetHostsResult Errors ExecutionTime Server Warnings ApiResponse.Status
  DomainDNSSetHostsResult(Domain IsSuccess)
""",
    "namecom": """
GET /v4/domains -> domains(autorenewEnabled domainName locked)
GET /v4/domains/{domain}/records -> records(answer domainName fqdn host id ttl type)
POST /v4/domains/{domain}/records answer host ttl type -> answer domainName host id ttl type
DELETE /v4/domains/{domain}/records/{record}
""",
    "namesilo": """
+GET /api/listDomains
GET /api/dnsListRecords +key domain type version -> code detail distance host ip namesilo
  operation record_id reply request resource_record ttl type value
GET /api/dnsAddRecord +key domain rrhost rrttl rrtype rrvalue type version -> code detail ip
  namesilo operation record_id reply request
GET /api/dnsDeleteRecord +key domain rrid type version -> code detail ip namesilo operation reply
  request
""",
    "nearlyfreespeech": """
POST /dns/{domain}/listRRs type -> data name scope ttl type
POST /dns/{domain}/addRR data name ttl type
POST /dns/{domain}/removeRR data name type
""",
    "njalla": """
POST /api/1/ method params(content domain id name ttl type) -> jsonrpc result.domains(+name)
  result(content id name ttl type) result.records(content id name ttl type)
""",
    "ns1": """
+GET /v1/zones
GET /v1/zones/{zone}/{domain}/{type} -> domain link tier ttl type zone answers(answer id)
PUT /v1/zones/{zone}/{domain}/{type} +ttl domain type zone answers.answer -> domain link tier ttl
  type zone answers(answer id)
POST /v1/zones/{zone}/{domain}/{type} +domain +zone ttl type answers.answer -> domain link tier
  ttl type zone answers(answer id)
DELETE /v1/zones/{zone}/{domain}/{type}
""",
    "oracle": """
+GET /20180115/zones
GET /20180115/zones/{zone}/records/{domain} rtype -> items(domain isProtected rdata recordHash
  rtype ttl)
PATCH /20180115/zones/{zone}/records items(+domain +rdata +rtype +ttl operation) -> items(domain
  isProtected rdata recordHash rtype ttl)
""",
    "ovh": """
GET /1.0/domain/zone
GET /1.0/domain/zone/{zone}/record fieldType subDomain
POST /1.0/domain/zone/{zone}/record fieldType subDomain target ttl -> fieldType id subDomain
  target ttl zone
POST /1.0/domain/zone/{zone}/refresh
GET /1.0/domain/zone/{zone}/record/{id} -> fieldType id subDomain target ttl zone
DELETE /1.0/domain/zone/{zone}/record/{id}
""",
    "pointdns": """
+GET /zones
GET /zones/{zone}/records record_type -> zone_record(aux data id name record_type ttl)
POST /zones/{zone}/records zone_record(+ttl data name record_type) -> zone_record(aux data id name
  record_type ttl)
DELETE /zones/{zone}/records/{record} -> zone_record.status
""",
    "porkbun": """
+POST /api/json/v3/domain/listAll
POST /api/json/v3/dns/retrieve/{domain} +apikey +secretapikey -> cloudflare status records(content
  id name notes prio ttl type)
POST /api/json/v3/dns/create/{domain} +apikey +secretapikey content name ttl type -> id status
POST /api/json/v3/dns/delete/{domain}/{id} +apikey +secretapikey -> status
""",
    "powerdns": """
+GET /api/v1/servers/localhost/zones
GET /api/v1/servers/localhost/zones/{zone} +rrset_name +rrset_type -> id kind name serial
  rrsets(name ttl type) rrsets.records(content disabled)
PATCH /api/v1/servers/localhost/zones/{zone} rrsets(changetype name ttl type)
  rrsets.records(content disabled)
""",
    "route53": """
+GET /2013-04-01/hostedzone
GET /2013-04-01/hostedzone/{id}/rrset +maxitems +name +type -> ListResourceRecordSetsResponse Name
  ResourceRecord ResourceRecordSet ResourceRecordSets ResourceRecords TTL Type Value
POST /2013-04-01/hostedzone/{id}/rrset/ Action Change ChangeBatch ChangeResourceRecordSetsRequest
  Changes Name ResourceRecord ResourceRecordSet ResourceRecords TTL Type Value -> ChangeInfo
  ChangeResourceRecordSetsResponse Id Status SubmittedAt
""",
    "scaleway": """
+GET /domain/v2beta1/dns-zones
GET /domain/v2beta1/dns-zones/{zone}/records +name +page_size +type -> total_count records(comment
  data id name priority ttl type)
PATCH /domain/v2beta1/dns-zones/{zone}/records +disallow_new_zone_creation +return_all_records
  changes.delete.id_fields(+data +name +type) changes.add.records(data name ttl type)
""",
    "transip": """
POST /v6/auth +expiration_time +login +read_only global_key nonce -> token
+GET /v6/domains
GET /v6/domains/{domain}/dns -> dnsEntries(content expire name type)
POST /v6/domains/{domain}/dns dnsEntry(content expire name type)
DELETE /v6/domains/{domain}/dns dnsEntry(content expire name type)
""",
    "ukfast": """
+GET /safedns/v1/zones
GET /safedns/v1/zones/{zone}/records +name:eq +per_page +type:eq -> data(content id name priority
  ttl type) meta.pagination(count current_page per_page total total_pages)
POST /safedns/v1/zones/{zone}/records +ttl content name type -> data.id meta.location
DELETE /safedns/v1/zones/{zone}/records/{id}
""",
    "vercel": """
+GET /v5/domains
GET /v4/domains/{domain}/records +limit -> pagination(count next prev) records(created creator id
  name slug ttl type updated value)
POST /v2/domains/{domain}/records name ttl type value -> uid
DELETE /v2/domains/{domain}/records/{id}
""",
    "vultr": """
GET /v2/domains +per_page -> domains(date_created domain) meta.links(next prev) meta.total
GET /v2/domains/{domain}/records +per_page -> meta.links(next prev) meta.total records(data id
  name priority ttl type)
POST /v2/domains/{domain}/records data name priority ttl type -> record(data id name priority ttl
  type)
DELETE /v2/domains/{domain}/records/{id}
""",
    "wedos": """
POST /wapi/json +request -> response(code command result svTRID timestamp)
  response.data.domain(name status type) response.data.row(ID author_comment changed_date name
  rdata rdtype ttl)
""",
    "zilore": """
GET /dns/v1/domains -> status response(domain_id domain_name)
GET /dns/v1/domains/{domain}/records +search_record_type +search_text +strict_search -> status
  response(record_id record_name record_status record_ttl record_type record_value)
POST /dns/v1/domains/{domain}/records record_name record_ttl record_type record_value -> status
  response(record_id record_status)
DELETE /dns/v1/domains/{domain}/records record_id -> status response.record_status
""",
    "zonomi": """
GET /app/dns/dyndns.jsp action=QUERY +api_key action name type -> action actions dnsapi_result
  is_ok record result_counts action.action record(content name prio ttl type) result_counts(added
  changed deleted unchanged)
GET /app/dns/dyndns.jsp action=SET +api_key action name ttl type value -> action actions
  dnsapi_result is_ok record result_counts action.action record(content name prio ttl type)
  result_counts(added changed deleted unchanged)
GET /app/dns/dyndns.jsp action=DELETE +api_key action name type value -> action actions
  dnsapi_result is_ok record result_counts action.action record(content name prio ttl type)
  result_counts(added changed deleted unchanged)
+GET /app/dns/dyndns.jsp
""",
}
