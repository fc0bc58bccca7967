require 'rails'
require 'active_record/railtie'
require 'action_controller/railtie'
require 'action_view/railtie'
class Shop < Rails::Application
  config.root = __dir__
  config.eager_load = false
  config.consider_all_requests_local = true
  config.secret_key_base = 'x' * 64
  config.hosts.clear
  config.logger = Logger.new($stdout)
  routes.append { root to: 'boats#index'; get '/json' => 'boats#json' }
end
class BoatsController < ActionController::Base
  def index; @boats = Boat.order(:name); render inline: '<ul><% @boats.each do |b| %><li><%= b.name %> <%= number_to_currency b.price %></li><% end %></ul>'; end
  def json; render json: { boats: Boat.count, at: Time.zone.at(0).in_time_zone('Tokyo').to_s, said: I18n.l(Date.new(2026, 1, 2), format: :long) }; end
end
ActiveRecord::Base.establish_connection(adapter: 'sqlite3', database: '/tmp/shop.sqlite')
ActiveRecord::Schema.define { create_table(:boats, force: true) { |t| t.string :name; t.decimal :price } }
class Boat < ActiveRecord::Base; validates :name, presence: true; end
Boat.create!(name: 'wherry', price: 12.5)
Rails.application.initialize!
run Rails.application
