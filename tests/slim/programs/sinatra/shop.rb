require 'sinatra/base'
require 'json'
class Shop < Sinatra::Base
  set :environment, :production
  set :bind, '127.0.0.1'
  set :port, __PORT__
  get('/') { content_type :json; JSON.generate(hello: 'ruby', latin: 'ä'.encode('ISO-8859-1').bytes) }
  get('/page') { erb :page }
end
Shop.run!
